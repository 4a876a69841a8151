import BackupModel
import Hypervisor
import Logging

/// Takes out of a live VM's daemon all that a checkpoint added, however far its creation came. The VM runs on.
struct LiveThaw {
  let name: CheckpointName
  let log: Logger

  private var names: ShortName { ShortName(name) }

  func thaw(_ daemon: inout LiveDaemon) throws(HypervisorError) {
    // From the reader back to the file: each is in use until the one before is gone.
    for id in try daemon.ids("query-block-exports", key: "id") where names.owns(id) {
      try daemon.execute("block-export-del", ["id": .string(id), "mode": "hard"])
    }
    try daemon.wait(for: "closing the exports of \(name)", "query-block-exports") {
      !$0.elements.contains(where: isOurs)
    }
    log.debug("exports removed")
    try cancelJobs(&daemon)
    log.debug("jobs removed")
    let nodes = try daemon.ids("query-named-block-nodes", key: "node-name")
      .filter(names.owns)
    let overlays = nodes.filter { $0.hasPrefix(names.prefix + "o") }
    for node in overlays + nodes.filter({ !overlays.contains($0) }) {
      try daemon.execute("blockdev-del", ["node-name": .string(node)])
    }
    log.debug("nodes removed")
  }

  private func cancelJobs(_ daemon: inout LiveDaemon) throws(HypervisorError) {
    var canceled: Set<String> = []
    while true {
      let jobs = try daemon.execute("query-jobs").elements.filter(isOurs)
      guard !jobs.isEmpty else { return }
      for job in jobs {
        guard let id = job["id"]?.text else { continue }
        if job["status"]?.text == "concluded" {
          try daemon.execute("job-dismiss", ["id": .string(id)])
        } else if canceled.insert(id).inserted {
          try cancel(id, &daemon)
        }
      }
      let known = Set(jobs.compactMap { $0["id"]?.text })
      try daemon.wait(for: "canceling the jobs of \(name)", "query-jobs") { list in
        let ours = list.elements.filter(isOurs)
        return ours.count < known.count || ours.contains { $0["status"]?.text == "concluded" }
      }
    }
  }

  /// A job may end by itself between the question and the order: then the order is refused, which is well.
  private func cancel(_ id: String, _ daemon: inout LiveDaemon) throws(HypervisorError) {
    do {
      try daemon.execute("job-cancel", ["id": .string(id)])
    } catch  where error.code == .failed {
      let jobs = try daemon.execute("query-jobs").elements
      let job = jobs.first { $0["id"]?.text == id }
      if let job, job["status"]?.text != "concluded" { throw error }
    }
  }

  private func isOurs(_ entry: JSON) -> Bool { entry["id"]?.text.map(names.owns) ?? false }
}
