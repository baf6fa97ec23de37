// Package localserver installs an exact version of Directus from npm and runs it with a SQLite database. The
// demo and package directustest call it; they say where the data live, which port to use and where the log
// goes.
//
// A Directus started here listens on the loopback interface by default, sends no telemetry, does not ask the
// npm registry for updates, and on Linux ends with the process that started it.
package localserver
