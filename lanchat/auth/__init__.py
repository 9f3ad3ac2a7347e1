"""Who somebody is: passwords, tokens, the realm of twisted.cred, and limits on failed logins."""
