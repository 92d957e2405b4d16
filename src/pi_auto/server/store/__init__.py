"""The books as a file: engine, migrations, the one writer, the change number."""
