"""`lanchat-admin`: what whoever runs a server does with its accounts and its data, at a shell of the machine it is on."""
