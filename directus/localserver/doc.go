// Package localserver installs a pinned Directus from npm and runs it with a SQLite database, for a
// demonstration or a test. It knows nothing of either: whoever calls it says where the data live, which
// port to take and where the log goes.
//
// A Directus started here listens on the loopback interface unless told otherwise, sends no telemetry,
// asks no registry for updates, and dies with the process that started it.
package localserver
