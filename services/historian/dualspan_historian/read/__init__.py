"""From the disk to a caller: raw pages, aggregates, the newest values. Every read sees one snapshot."""
