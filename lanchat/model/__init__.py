"""What a chat consists of, as data: names, sessions, accounts, rooms, sanctions. It sends nothing and stores nothing."""
