// Package directustest gives tests a Directus. There are two:
//
//   - Start and Shared run a real one, installed from npm on first use (see package localserver): what a test proves with
//     it holds. It needs Node.js, and some seconds for each start.
//   - NewFake is a double inside the test process, for what a real one cannot be made to do on demand.
//
// DIRECTUS_VERSION chooses the version of the real one, and leaves tests on the double out if it is not the default one.
// DIRECTUS_TEST_CACHE is the folder it is installed in. A test that
// needs the real one fails where it cannot be had; only go test -short leaves it out.
package directustest
