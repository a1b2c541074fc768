"""Text files with delimiters in a folder or a bucket: the declaration of a system that sends files, and of each kind of them."""

from ingestion.connectors.files.source import FileSet, FilesSource

__all__ = ["FileSet", "FilesSource"]
