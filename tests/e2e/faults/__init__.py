"""Tests of one site that streams all the time, which they share."""
