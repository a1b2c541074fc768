"""Records of an API: each lands whole, as one JSON value beside its key and its cursor.

What an API can do to us is dealt with here (docs/sources-that-change.md has the table of it all):

- its shape may change: a record is kept as it came, and one without the fields that models read goes to quarantine. An answer
  without the list of records, or without the pointer to the next page, stops the table (the connector says so): either would
  look like the end of the data;
- pages may repeat records, and the look-back does: a record that raw holds as the latest version of its key is not landed
  again.
"""
