"""The built-in faults, by what they hit; `steadfast.drill.registry` knows them all."""
