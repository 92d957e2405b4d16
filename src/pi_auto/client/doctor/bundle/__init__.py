"""What doctor collects for those who help from afar: an allow-list, in one zip file, with no secret in it."""
