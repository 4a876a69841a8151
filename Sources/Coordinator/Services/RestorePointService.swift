internal import BackupModel
internal import BelayAPI
internal import GRPC

/// `belay.v1.RestorePointService`: parse, ask the catalog, answer.
struct RestorePointService: BelayV1.RestorePointServiceServer {
  let catalog: any RestorePointCatalog
  let clock: any CoordinatorClock
  private static let mostDamages = 1000

  func getRestorePoint(_ request: BelayV1.GetRestorePointRequest, context: ServerContext)
    async throws -> BelayV1.GetRestorePointResponse
  {
    let id = try ResourceName.parseRestorePoint(request.name, field: "name")
    let point = try await rpc { () throws(CatalogError) in try await catalog.restorePoint(id) }
    return .init(restorePoint: .init(point))
  }

  func listRestorePoints(_ request: BelayV1.ListRestorePointsRequest, context: ServerContext)
    async throws -> BelayV1.ListRestorePointsResponse
  {
    let filter = try RestorePointFilter(request)
    let page = try Page(
      size: request.pageSize, token: request.pageToken,
      scope: "points \(request.virtualMachine) \(request.source) \(request.repository)")
    let after = page.after.flatMap(RestorePointID.init(validating:))
    guard (after == nil) == (page.after == nil) else { throw page.refuse() }
    let points = try await rpc { () throws(CatalogError) in
      try await catalog.restorePoints(matching: filter, after: after, limit: page.size + 1)
    }
    let cut = points.prefix(page.size)
    let last = points.count > cut.count ? cut.last : nil
    return .init(
      restorePoints: cut.map { .init($0) },
      nextPageToken: last.map { page.token(after: "\($0.summary.id)") } ?? "")
  }

  func verifyRestorePoint(_ request: BelayV1.VerifyRestorePointRequest, context: ServerContext)
    async throws -> BelayV1.VerifyRestorePointResponse
  {
    let id = try ResourceName.parseRestorePoint(request.name, field: "name")
    let level = try Self.level(request.level)
    let start = clock.now()
    let verified = try await rpc { () throws(CatalogError) in
      try await catalog.verify(id, level)
    }
    let vm = verified.restorePoint.summary.virtualMachine.rawValue
    return .init(
      restorePoint: .init(verified.restorePoint),
      level: level == .content ? .content : .checksums, intact: verified.damages.isEmpty,
      damages: verified.damages.prefix(Self.mostDamages).map {
        .init(
          virtualMachine: vm, disk: $0.disk, offsetBytes: $0.offset, lengthBytes: $0.length,
          message: $0.message)
      },
      damagesTruncated: verified.damages.count > Self.mostDamages,
      verifiedBytes: verified.verifiedBytes,
      elapsed: .init(clock.now().duration(since: start)))
  }

  private static func level(_ wire: BelayV1.VerificationLevel) throws(RPCError)
    -> CatalogVerification.Level
  {
    switch wire {
    case .unspecified, .content: return .content
    case .checksums: return .checksums
    case .readBack: throw .notBuilt("verifying by reading back through an export")
    case .unrecognized: throw .invalid("level", "is unknown here")
    }
  }

  private func rpc<Value>(_ body: () async throws(CatalogError) -> Value) async throws -> Value {
    do {
      return try await body()
    } catch {
      switch error.code {
      case .notFound:
        throw RPCError(.notFound, error.message, reason: "RESTORE_POINT_NOT_FOUND")
      case .corrupt: throw RPCError(.dataLoss, error.message, reason: "RESTORE_POINT_CORRUPT")
      case .unavailable:
        throw RPCError(
          .unavailable, error.message, reason: "REPOSITORY_UNAVAILABLE", retryDelay: .seconds(1))
      }
    }
  }
}

extension RestorePointFilter {
  fileprivate init(_ wire: BelayV1.ListRestorePointsRequest) throws(RPCError) {
    self.init()
    if !wire.virtualMachine.isEmpty {
      guard let vm = VirtualMachineID(validating: wire.virtualMachine) else {
        throw .invalid("virtual_machine", "it is not \(VirtualMachineID.grammar)")
      }
      virtualMachine = vm
    }
    if !wire.repository.isEmpty {
      repository = try ResourceName.parseRepository(wire.repository, field: "repository")
    }
    guard !wire.source.isEmpty else { return }
    if wire.source.contains("/sessions/") {
      let name = try ResourceName.parseSession(wire.source, field: "source")
      job = name.job
      session = name.session
    } else {
      job = try ResourceName.parseAnyJob(wire.source, field: "source")
    }
  }
}

extension BelayV1.RestorePoint {
  init(_ point: CatalogedRestorePoint) {
    let summary = point.summary
    self.init(
      name: ResourceName.restorePoint(summary.id),
      virtualMachine: summary.virtualMachine.rawValue, job: ResourceName.job(point.job),
      session: ResourceName.session(point.job, summary.id.task.session),
      createTime: .init(point.created),
      disks: point.disks.map { .init(disk: $0.id.rawValue, sizeBytes: $0.size) },
      logicalBytes: summary.logicalBytes, storedBytes: summary.storedBytes,
      repository: ResourceName.repository(summary.repository),
      manifestDigest: summary.manifestDigest)
  }
}
