"""Program 3, root, listens to nobody: verifies, unpacks, switches, watches the trial, commits or goes back."""
