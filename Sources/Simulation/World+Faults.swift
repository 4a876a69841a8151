internal import BackupModel

extension World {
  /// A fault that strikes at any time: once now, and again later.
  func strike(_ fault: Fault) {
    guard !isHealed else { return }
    schedule(fault)
    switch fault {
    case .coordinatorCrash: crashCoordinator("killed")
    case .workerCrash: crashWorker(anyWorker, "killed", restartsIn: 200...60_000)
    case .workerStalls: stall(anyWorker)
    case .workerTerminated: terminate(anyWorker)
    case .workerRetires: retire(anyWorker)
    case .connectionLost:
      if let connection = workers[anyWorker].connection { breakConnection(connection) }
    case .connectionHalfOpen:
      if let connection = workers[anyWorker].connection {
        breakConnection(
          connection, tellsWorker: random.chance(0.3), tellsCoordinator: random.chance(0.3))
      }
    case .partition: partition(anyWorker)
    case .watcherDisconnects:
      if !watchers.isEmpty { disconnectWatcher(random.int(0...(watchers.count - 1))) }
    default: preconditionFailure("\(fault) does not strike by itself")
    }
  }

  private var anyWorker: Int { random.int(0...(workers.count - 1)) }

  private func stall(_ index: Int) {
    guard workers[index].isRunning, workers[index].stalledUntil.map({ $0 <= now }) ?? true else {
      return
    }
    let length =
      random.chance(0.5) ? random.milliseconds(200...9_000) : random.milliseconds(9_000...120_000)
    workers[index].stalledUntil = now.advanced(by: length)
    say("\(workers[index].id) stalls for \(length)")
  }

  private func terminate(_ index: Int) {
    guard workers[index].isRunning, workers[index].stalledUntil.map({ $0 <= now }) ?? true else {
      return
    }
    say("\(workers[index].id) is terminated")
    tellWorker(index, .terminate)
    if random.chance(0.5), workers[index].isRunning { tellWorker(index, .terminate) }
  }

  private func retire(_ index: Int) {
    let others = workers.indices.filter {
      $0 != index && workers[$0].host == workers[index].host && !workers[$0].isRetired
    }
    guard !workers[index].isRetired, !others.isEmpty else { return }
    workers[index].isRetired = true
    crashWorker(index, "it is retired", restartsIn: 0...0)
  }

  private func partition(_ index: Int) {
    let isPartitioned = !workers[index].isPartitioned
    workers[index].isPartitioned = isPartitioned
    if isPartitioned, let connection = workers[index].connection {
      breakConnection(
        connection, tellsWorker: random.chance(0.5), tellsCoordinator: random.chance(0.5))
    }
  }
}
