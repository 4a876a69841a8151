import BackupModel

private let worker = WorkerID(rawValue: "w1")
private let host = HostID(rawValue: "host.A")
private let vm = VirtualMachineID(rawValue: "web_01")
private let task = TaskID(session: SessionID(rawValue: "s1"), ordinal: 2)
private let checkpoint = CheckpointName(attempt: AttemptID(task: task, number: 3))
private let time = Timestamp(nanosecondsSinceEpoch: 1_795_371_424_123_456_789)
private let requester = Requester(
  principal: "ada", peer: "unix:/run/belay", reason: "disk “B” is slow/\"old\"", requestID: "r-1")

private func job(_ type: JobType, host: HostID?, restore: RestoreSettings?) -> Job {
  Job(
    id: JobID(rawValue: "nightly"), type: type,
    objects: [JobObject(virtualMachine: vm, hypervisor: "disk-images", host: host)],
    settings: JobSettings(
      repository: RepositoryID(rawValue: "main"), parallelism: 2, order: .bestEffort,
      maxAttempts: 4, restore: restore),
    description: "büro", isDisabled: true, created: time, updated: time, revision: 5)
}

/// Never edit a text here: stores in the field hold it. A changed encoding needs a migration.
let golden: [Golden] = [
  Golden(
    fact: .sessionStarted(job: job(.vmBackup, host: host, restore: nil), requester: requester),
    text: #"""
      {"sessionStarted":{"job":{"created":{"nanosecondsSinceEpoch":1795371424123456789},"descr\#
      iption":"büro","id":"nightly","isDisabled":true,"objects":[{"host":"host.A","hypervisor"\#
      :"disk-images","virtualMachine":"web_01"}],"revision":5,"settings":{"maxAttempts":4,"ord\#
      er":"bestEffort","parallelism":2,"repository":"main"},"type":"vmBackup","updated":{"nano\#
      secondsSinceEpoch":1795371424123456789}},"requester":{"peer":"unix:/run/belay","principa\#
      l":"ada","reason":"disk “B” is slow/\"old\"","requestID":"r-1"}}}
      """#),
  Golden(
    fact: .sessionStarted(
      job: job(
        .restore, host: nil,
        restore: RestoreSettings(
          restorePoint: RestorePointID(task: task), targetDirectory: "/srv/out", format: .vhdx)),
      requester: requester),
    text: #"""
      {"sessionStarted":{"job":{"created":{"nanosecondsSinceEpoch":1795371424123456789},"descr\#
      iption":"büro","id":"nightly","isDisabled":true,"objects":[{"hypervisor":"disk-images","\#
      virtualMachine":"web_01"}],"revision":5,"settings":{"maxAttempts":4,"order":"bestEffort"\#
      ,"parallelism":2,"repository":"main","restore":{"format":"vhdx","restorePoint":{"task":{\#
      "ordinal":2,"session":"s1"}},"targetDirectory":"/srv/out"}},"type":"restore","updated":{\#
      "nanosecondsSinceEpoch":1795371424123456789}},"requester":{"peer":"unix:/run/belay","pri\#
      ncipal":"ada","reason":"disk “B” is slow/\"old\"","requestID":"r-1"}}}
      """#),
  Golden(fact: .stateChanged(.waitingSlot), text: #"{"stateChanged":{"_0":"waitingSlot"}}"#),
  Golden(
    fact: .taskAssigned(task: 2, attempt: 3, worker: worker, host: host),
    text: #"{"taskAssigned":{"attempt":3,"host":"host.A","task":2,"worker":"w1"}}"#),
  Golden(fact: .taskStarted(task: 2, attempt: 3), text: #"{"taskStarted":{"attempt":3,"task":2}}"#),
  Golden(
    fact: .checkpointIntended(
      CheckpointRecord(name: checkpoint, host: host, hypervisor: "disk-images", virtualMachine: vm)),
    text: #"""
      {"checkpointIntended":{"_0":{"host":"host.A","hypervisor":"disk-images","name":{"attempt\#
      ":{"number":3,"task":{"ordinal":2,"session":"s1"}}},"virtualMachine":"web_01"}}}
      """#),
  Golden(
    fact: .checkpointCreated(checkpoint),
    text: #"""
      {"checkpointCreated":{"_0":{"attempt":{"number":3,"task":{"ordinal":2,"session":"s1"}}}}\#
      }
      """#),
  Golden(
    fact: .checkpointRemovalRequested(checkpoint),
    text: #"""
      {"checkpointRemovalRequested":{"_0":{"attempt":{"number":3,"task":{"ordinal":2,"session"\#
      :"s1"}}}}}
      """#),
  Golden(
    fact: .checkpointRemovalFailed(checkpoint, tries: 4, message: "busy", nextTry: time),
    text: #"""
      {"checkpointRemovalFailed":{"_0":{"attempt":{"number":3,"task":{"ordinal":2,"session":"s\#
      1"}}},"message":"busy","nextTry":{"nanosecondsSinceEpoch":1795371424123456789},"tries":4\#
      }}
      """#),
  Golden(
    fact: .checkpointRemovalFailed(checkpoint, tries: 9, message: "busy", nextTry: nil),
    text: #"""
      {"checkpointRemovalFailed":{"_0":{"attempt":{"number":3,"task":{"ordinal":2,"session":"s\#
      1"}}},"message":"busy","tries":9}}
      """#),
  Golden(
    fact: .checkpointRemoved(checkpoint),
    text: #"""
      {"checkpointRemoved":{"_0":{"attempt":{"number":3,"task":{"ordinal":2,"session":"s1"}}}}\#
      }
      """#),
  Golden(
    fact: .committed(
      task: 2, attempt: 3,
      .restorePoint(
        RestorePointSummary(
          id: RestorePointID(task: task), virtualMachine: vm,
          repository: RepositoryID(rawValue: "main"),
          manifestDigest: String(repeating: "0f", count: 32), logicalBytes: .max, storedBytes: 7))),
    text: #"""
      {"committed":{"_2":{"restorePoint":{"_0":{"id":{"task":{"ordinal":2,"session":"s1"}},"lo\#
      gicalBytes":18446744073709551615,"manifestDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0\#
      f0f0f0f0f0f0f0f0f0f0f0f0f0f","repository":"main","storedBytes":7,"virtualMachine":"web_0\#
      1"}}},"attempt":3,"task":2}}
      """#),
  Golden(
    fact: .committed(task: 2, attempt: 3, .restoredDisks(targetDirectory: "/srv/out", bytes: 8)),
    text: #"""
      {"committed":{"_2":{"restoredDisks":{"bytes":8,"targetDirectory":"/srv/out"}},"attempt":\#
      3,"task":2}}
      """#),
  Golden(fact: .published(task: 2, attempt: 3), text: #"{"published":{"attempt":3,"task":2}}"#),
  Golden(
    fact: .publicationFailed(task: 2, attempt: 3, message: "taken"),
    text: #"{"publicationFailed":{"attempt":3,"message":"taken","task":2}}"#),
  Golden(
    fact: .stagingDiscarded(task: 2, attempt: 3),
    text: #"{"stagingDiscarded":{"attempt":3,"task":2}}"#),
  Golden(
    fact: .attemptLost(task: 2, attempt: 3, worker: worker),
    text: #"{"attemptLost":{"attempt":3,"task":2,"worker":"w1"}}"#),
  Golden(
    fact: .attemptFailed(task: 2, attempt: 3, message: "no space"),
    text: #"{"attemptFailed":{"attempt":3,"message":"no space","task":2}}"#),
  Golden(
    fact: .taskEnded(
      task: 2, state: .warning, message: "slow",
      progress: TaskProgress(totalBytes: 4, processedBytes: 3, readBytes: 2, storedBytes: 1)),
    text: #"""
      {"taskEnded":{"message":"slow","progress":{"processedBytes":3,"readBytes":2,"storedBytes\#
      ":1,"totalBytes":4},"state":"warning","task":2}}
      """#),
  Golden(
    fact: .stopAccepted(
      StopRequest(
        id: StopRequestID(rawValue: "stop-1"), mode: .graceful, requester: requester,
        accepted: time, deadline: time, stopSet: [2, 5])),
    text: #"""
      {"stopAccepted":{"_0":{"accepted":{"nanosecondsSinceEpoch":1795371424123456789},"deadlin\#
      e":{"nanosecondsSinceEpoch":1795371424123456789},"id":"stop-1","mode":"graceful","reques\#
      ter":{"peer":"unix:/run/belay","principal":"ada","reason":"disk “B” is slow/\"old\"","re\#
      questID":"r-1"},"stopSet":[2,5]}}}
      """#),
  Golden(
    fact: .stopAccepted(
      StopRequest(
        id: StopRequestID(rawValue: "stop-2"), mode: .immediate, requester: requester,
        accepted: time)),
    text: #"""
      {"stopAccepted":{"_0":{"accepted":{"nanosecondsSinceEpoch":1795371424123456789},"id":"st\#
      op-2","mode":"immediate","requester":{"peer":"unix:/run/belay","principal":"ada","reason\#
      ":"disk “B” is slow/\"old\"","requestID":"r-1"},"stopSet":[]}}}
      """#),
  Golden(
    fact: .stopEscalated(.user(requester), canceled: [4]),
    text: #"""
      {"stopEscalated":{"_0":{"user":{"_0":{"peer":"unix:/run/belay","principal":"ada","reason\#
      ":"disk “B” is slow/\"old\"","requestID":"r-1"}}},"canceled":[4]}}
      """#),
  Golden(
    fact: .stopEscalated(.deadline(time), canceled: []),
    text: #"""
      {"stopEscalated":{"_0":{"deadline":{"_0":{"nanosecondsSinceEpoch":1795371424123456789}}}\#
      ,"canceled":[]}}
      """#),
  Golden(
    fact: .stopDeadlineTightened(time),
    text: #"{"stopDeadlineTightened":{"_0":{"nanosecondsSinceEpoch":1795371424123456789}}}"#),
  Golden(
    fact: .coordinatorRestarted(epoch: 6, isStopping: true),
    text: #"{"coordinatorRestarted":{"epoch":6,"isStopping":true}}"#),
  Golden(
    fact: .sessionStopped(.failed, isCanceled: true, message: "Operation was canceled by user"),
    text: #"""
      {"sessionStopped":{"_0":"failed","isCanceled":true,"message":"Operation was canceled by \#
      user"}}
      """#),
  Golden(fact: .sessionSettled, text: #"{"sessionSettled":{}}"#),
]
