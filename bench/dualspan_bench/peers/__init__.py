"""The others: installed by the harness, with settings that are theirs and fair."""
