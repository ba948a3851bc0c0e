// Package upload is the gate: it takes exports over HTTP from the uploaders
// that exist. One core, accept, streams a body to the blob store and queues a
// job for it; every door is a thin shape around it:
//
//	POST /api/v3/uploads                     Strava's contract, multipart or a raw body
//	GET  /api/v3/uploads/{id}                what became of an upload
//	POST /api/v1/athlete/{id}/activities     intervals.icu's
//	POST /api/v1/auth/login, /api/v1/token   Endurain's sign-in, a token as the password
//	POST /api/v1/activities/create/upload    Endurain's upload
//	POST /api/v1/import/{program}?api-key=   FitoTrack's, which cannot send headers
//	     /dav/                               WebDAV
//	GET  /api/openapi.yaml                   the description of all this
//
// No success is answered before the bytes are on stable storage and the job
// has been acknowledged by the queue. Content decides what a file is; names
// and media types are never asked. Nothing that names a person, a place, a
// file or a token is logged.
package upload
