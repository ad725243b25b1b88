"""Who people are, and what follows: local accounts, tokens, sessions of a login, rooms of somebody.

The rules are plain objects in memory: `directory` of accounts, `kept_rooms`, `tokens`, `logins` and
`entrance`, which puts them together for logins and for the focus. `tables` has the SQL and
`following` keeps the objects up with the database, which commands change too; `oidc` is signing in
at the house's own provider. What a login has
shown travels as an `Admission` (`xmpp.admission`).
"""
