internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC
internal import WorkerLink

/// `belay.v1.WorkerService`: each worker's connection, between its stream and the loop.
struct WorkerService: BelayV1.WorkerServiceServer {
  let desk: Desk
  let connections: WorkerConnections

  func attach(
    _ requests: RequestStream<BelayV1.AttachRequest>,
    responses: ResponseWriter<BelayV1.AttachResponse>, context: ServerContext
  ) async throws {
    var iterator = requests.makeAsyncIterator()
    guard let first = try await iterator.next(),
      case .register(let registration) = try WorkerLinkRequest(first)
    else { throw RPCError.invalid("kind", "the first message must be a registration") }
    let connection = connections.open()
    defer {
      connections.forget(connection)
      desk.mailbox.postAlways(.workerDetached(registration.worker, connection.id))
    }
    try desk.mailbox.post(.event(.workerAttached(connection.id, registration)))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await Self.speak(connection, responses) }
      group.addTask { [desk] in
        try await Self.listen(to: requests, of: registration.worker, connection, desk)
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  /// Writes what the loop says until the connection is closed.
  private static func speak(
    _ connection: WorkerConnection, _ responses: ResponseWriter<BelayV1.AttachResponse>
  ) async throws {
    while true {
      let contents = try await connection.next()
      guard let (epoch, lease) = connection.registered else { continue }
      for message in messages(contents, epoch, lease) {
        try await responses.write(message.wire)
      }
    }
  }

  /// Passes the worker's reports on until it ends its side.
  private static func listen(
    to requests: RequestStream<BelayV1.AttachRequest>, of worker: WorkerID,
    _ connection: WorkerConnection, _ desk: Desk
  ) async throws {
    for try await request in requests {
      guard case .report(let epoch, let report) = try WorkerLinkRequest(request) else {
        throw RPCError.invalid("kind", "a worker registers once on a stream")
      }
      guard epoch == connection.registered?.epoch else {
        throw RPCError.staleLease("the report is of epoch \(epoch)")
      }
      try desk.mailbox.post(.event(.workerReported(worker, connection.id, report)))
    }
  }

  /// Directives that follow each other go together.
  private static func messages(
    _ contents: [WorkerMessage.Content], _ epoch: Int, _ lease: Duration
  ) -> [WorkerLinkResponse] {
    var messages: [WorkerLinkResponse] = []
    for content in contents {
      switch content {
      case .registered(let epoch, let lease, let heartbeat):
        messages.append(
          .registered(epoch: epoch, leaseDuration: lease, heartbeatInterval: heartbeat))
      case .leaseRenewed:
        messages.append(.renewal(epoch: epoch, leaseDuration: lease))
      case .directive(let directive):
        if case .directives(let earlier)? = messages.last {
          messages[messages.count - 1] = .directives(earlier + [directive])
        } else {
          messages.append(.directives([directive]))
        }
      case .disconnect: break
      }
    }
    return messages
  }

  func listWorkers(_ request: BelayV1.ListWorkersRequest, context: ServerContext) async throws
    -> BelayV1.ListWorkersResponse
  {
    let page = try Page(size: request.pageSize, token: request.pageToken, scope: "workers")
    let workers = try await desk.read { view in
      view.core.allWorkers.map { BelayV1.Worker($0, in: view) }
    }
    let (cut, next) = page.cut(workers, key: \.name)
    return .init(workers: cut, nextPageToken: next)
  }
}
