"""What publishers make and everybody finds: lives of versions, checks, words to search by. Pure."""
