// Package directustest gives tests a Directus. There are two:
//
//   - Start and Shared run a real one, which they install from npm on first use (see package localserver). It shows what
//     Directus really does. It needs Node.js, and some seconds for each start.
//   - NewFake is a double inside the test process. It does on demand what a real Directus cannot be made to do.
//
// DIRECTUS_VERSION chooses the version of the real Directus, and DIRECTUS_DATABASE what it keeps its data in: sqlite,
// postgres, mariadb, or cluster, which is two processes of Directus on one PostgreSQL with Redis behind nginx (see package
// backing for what that needs). If either is not the default, tests that use the double are skipped, because they would
// show nothing new. DIRECTUS_TEST_CACHE is the folder of the installations. A test that needs a real Directus fails if
// there is none; only go test -short skips it.
package directustest
