"""Sockets: listeners, TLS, certificates, and who may connect. It knows nothing of what is said."""
