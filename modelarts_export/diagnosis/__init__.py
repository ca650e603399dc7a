"""Find out whether exports can be created: settings, credentials, network, permission and dataset."""
