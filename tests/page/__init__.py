"""The page of a fleet in a real browser: does it fit, is it accessible, does it print? `make page`"""
