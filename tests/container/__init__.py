"""Proof of the container: `python -m tests.container` builds the image, runs it as compose.yaml does, and says what it saw.

No registry is asked: the base image is made with debootstrap, and what lanchat needs comes from a wheelhouse. engine.py talks
to podman or Docker, image.py makes the image, running.py is a container, proofs.py what is to be shown of them, and
composed.py of compose.yaml.
"""
