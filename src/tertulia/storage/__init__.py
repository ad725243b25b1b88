"""What outlives the process in a database: SQLite in the data folder, or PostgreSQL by URL.

`schema` has the tables, `migrations` how each version of them becomes the next, `database` the
engine with its one writer, `journal` the place where rooms note things without waiting. Meetings
never wait for any of this: what cannot be written costs the record, not the meeting.
"""
