"""Sign-in of customers: passwords, one-time codes, tokens, and the tokens of outside issuers.

sign_in         sign-in, refresh and sign-out
passwords       the first password, a new one, and the reset by a one-time code
hashing         argon2id in threads, a bounded number at a time
access_tokens   what our own access tokens contain
key_ring        the keys that sign them, and their rotation
issuers         the tokens of outside OpenID Connect issuers
verifier        which customer a token is of
all_tokens      API keys and access tokens, by their beginning
identities      the links with subjects of outside issuers
audit_entries   the entries of the audit log about all of this
ports           what also goes over a bus
token_service   the verification of tokens for gateways
"""
