# It runs in an environment of its own: see test_networks.py.
collect_ignore_glob = ["networks/*"]
