"""The words everybody shares: frames, messages, states, snapshots, errors, protocols, time. No I/O."""
