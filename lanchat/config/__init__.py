"""The settings of `twistd lanchat`: options, the configuration file, the check of both, and the reload."""
