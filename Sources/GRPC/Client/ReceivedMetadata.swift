import Synchronization

/// Keeps the metadata that a server answers with, for a caller who wants more than the message.
///
/// ```swift
/// var options = CallOptions()
/// options.received = ReceivedMetadata()
/// let reply = try await greeter.greet(request, options: options)
/// print(options.received?.trailing["server-timing"] ?? "")
/// ```
///
/// One for each call: a later call overwrites what an earlier one left.
public final class ReceivedMetadata: Sendable {
  private let state = Mutex((initial: Metadata(), trailing: Metadata()))

  /// Keeps nothing yet.
  public init() {}

  /// What came with the response headers; empty until they have come.
  public var initial: Metadata { state.withLock(\.initial) }
  /// What came with the status; empty until the call has ended. That of a call which fails is also
  /// `RPCError.metadata`.
  public var trailing: Metadata { state.withLock(\.trailing) }

  func setInitial(_ metadata: Metadata) { state.withLock { $0.initial = metadata } }
  func setTrailing(_ metadata: Metadata) { state.withLock { $0.trailing = metadata } }
}

extension ReceivedMetadata: Hashable {
  /// Whether both are the same object.
  public static func == (one: ReceivedMetadata, other: ReceivedMetadata) -> Bool { one === other }
  /// By identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
