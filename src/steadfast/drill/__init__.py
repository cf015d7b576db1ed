"""The fault drill: breaks a service on purpose, under traffic, and says what happened.

`fault.Fault` is one way to break it, `traffic.Traffic` what clients send meanwhile, `drill.Drill` the whole.
Nothing of this package is loaded by a server unless `drill.enabled` is set; `hooks` is what it loads then.
"""
