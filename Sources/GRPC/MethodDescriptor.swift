/// Which sides of a method are streams.
public enum MethodKind: Sendable, Hashable {
  /// One request, one response.
  case unary
  /// Requests, one response.
  case clientStreaming
  /// One request, responses.
  case serverStreaming
  /// Requests and responses, in any interleaving.
  case bidirectionalStreaming

  /// Whether the client sends exactly one message.
  var hasSingleRequest: Bool { self == .unary || self == .serverStreaming }
  /// Whether the server sends exactly one message.
  var hasSingleResponse: Bool { self == .unary || self == .clientStreaming }
}

/// A method's name and shape.
public struct MethodDescriptor: Sendable, Hashable {
  /// The service's full name, such as `belay.v1.JobService`.
  public let service: String
  /// The method's name, such as `StartJob`.
  public let method: String
  /// Which sides are streams.
  public let kind: MethodKind
  /// `/service/method`: the `:path` of its calls (PROTOCOL-HTTP2, "Path").
  public let path: String

  /// Describes a method.
  public init(service: String, method: String, kind: MethodKind) {
    self.service = service
    self.method = method
    self.kind = kind
    self.path = "/\(service)/\(method)"
  }
}
