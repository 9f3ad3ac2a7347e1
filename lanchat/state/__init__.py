"""What is known while the server runs: who is online, which rooms there are, bans and mutes, pending logins."""
