"""How long a plan will take, from what its devices need: predicted before it runs, compared with it after."""
