"""The commands of a shared Red Pitaya, module by module: parts of `parfocal.devices.redpitaya.host`."""
