"""Tests of one platform that `dualspan up` runs, which they share."""
