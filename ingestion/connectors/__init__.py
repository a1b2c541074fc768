"""How each kind of system is read. A connector reads; it never compares, rejects or writes."""
