"""How clients talk to the chat: what all connections have in common, and one protocol class for each dialect."""
