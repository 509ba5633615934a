"""Backups: a repository of encrypted copies of the database and the secrets, and the way back."""
