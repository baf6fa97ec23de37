// Package units holds a test and nothing else: the units of deploy/, as they are shipped, under a systemd that runs for the
// test alone. See TestUnits.
//
// That systemd is the one of this machine, whatever this machine was booted by: it becomes the first process of a namespace
// that has the system's /usr, read-only, and otherwise nothing but folders in memory. So it takes root, and
// that root may mount. Where that is missing the test says so and judges nothing; .ci/run prints which it was.
package units
