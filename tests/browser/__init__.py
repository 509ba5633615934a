"""Tests in a browser, which share one demonstration."""
