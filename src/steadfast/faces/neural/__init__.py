"""The neural engine: trained networks whose weights the user pulls and whose terms they accept."""
