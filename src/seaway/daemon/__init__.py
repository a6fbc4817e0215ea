"""The daemon's door: its flags, its configuration file, its log, and its life as a process."""
