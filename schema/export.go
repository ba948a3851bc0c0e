package schema

// Source says by which door an export came in.
type Source string

// The doors.
const (
	SourceFolder  Source = "folder"
	SourceImport  Source = "import"
	SourceUpload  Source = "upload"
	SourceArchive Source = "archive" // member of a zip that came in by another door
)

// Job asks a worker to decode one stored export.
type Job struct {
	Athlete    AthleteID
	Export     ExportID
	Source     Source
	Bytes      int64    // size of the original
	ReceivedMs int64    // when the export was taken, Unix ms
	Parent     ExportID // the zip it came out of; zero when none
	Depth      int      // how many archives it came out of
}

// ID returns the identity of the job.
func (j *Job) ID() JobID { return JobIDOf(j.Athlete, j.Export) }

// ExportOutcome is what became of an export: the worker's last word on a job,
// and one row of the exports view.
type ExportOutcome struct {
	Job            Job
	Format         Format
	Outcome        Outcome
	Reason         Reason
	Detail         string // for people; never a file name
	Flags          []Flag
	Sessions       []SessionID // in file order
	Members        []ExportID  // of an archive, in its order
	Records        int64
	DecoderVersion uint32
	FinishedMs     int64 // Unix ms
}
