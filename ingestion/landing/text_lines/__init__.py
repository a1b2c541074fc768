"""Lines of text files: each field exactly as it is written, beside the file's name, the date in that name, and the number of
the line, so that it can always be found again.

A file is read when its version is not the one that was read before: a file that was written again lands again, whole, in a
later load. A line that does not fit goes to quarantine, and the rest of its file lands. A file that as a whole is not what was
declared (a column missing, another delimiter, cut off in the middle) is not landed, not even in part; the others are, and the
run says so.
"""
