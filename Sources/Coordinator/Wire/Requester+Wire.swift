internal import BackupModel
internal import BelayAPI
internal import GRPC

/// The header in which a client says in whose name it acts; a client's certificate goes before it.
package let principalHeader = "belay-principal"

extension BackupModel.Requester {
  private static let longestText = 1024
  private static let longestRequestID = 128

  /// Who calls: the client's certificate says it, or else the call's metadata.
  init(_ context: ServerContext, reason: String = "", requestID: String) throws(RPCError) {
    guard reason.utf8.count <= Self.longestText else {
      throw .invalid("reason", "it is longer than \(Self.longestText) bytes")
    }
    let principal =
      context.peerIdentity?.principal ?? context.metadata[principalHeader] ?? "anonymous"
    guard principal.utf8.count <= Self.longestText else {
      throw .invalid(principalHeader, "it is longer than \(Self.longestText) bytes")
    }
    self.init(
      principal: principal, peer: context.peer, reason: reason,
      requestID: try Self.checked(requestID))
  }

  /// A request id as clients may choose it.
  static func checked(_ requestID: String) throws(RPCError) -> String {
    guard requestID.utf8.count <= longestRequestID else {
      throw .invalid("request_id", "it is longer than \(longestRequestID) bytes")
    }
    return requestID
  }
}

extension BelayV1.Requester {
  init(_ requester: BackupModel.Requester) {
    self.init(
      principal: requester.principal, peer: requester.peer, reason: requester.reason,
      requestID: requester.requestID)
  }
}

extension GoogleProtobuf.Timestamp {
  init(_ time: BackupModel.Timestamp) {
    self.init(nanosecondsSinceEpoch: time.nanosecondsSinceEpoch)
  }
}
