package main

// What the program brings along for a system that lacks it, such as an empty container: certificate
// authorities and time zones. Those of the system come first where it has any.
import (
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)
