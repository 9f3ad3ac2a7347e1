"""What a chat consists of, as data: sessions, accounts, rooms, sanctions. It sends nothing and stores nothing."""
