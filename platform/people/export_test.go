package people

// InsertForTest adds a patient as Create does, without an act: benchmarks fill a hospital with it in one transaction.
var InsertForTest = insertPatient
