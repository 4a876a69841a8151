extension StoredDisk {
  /// Walks the tree from its root and returns what cannot be restored. Pages are read; of chunks, only those in
  /// `suspects` are, and for the others it must be known where they lie.
  func damages(
    _ suspects: Set<BlobID>, _ cancellation: Cancellation
  ) throws(RepositoryError) -> [Damage] {
    let reader = BlobReader(blobs)
    var buffer = [UInt8](repeating: 0, count: Format.largestBlob)
    var damages: [Damage] = []
    for region in 0..<regionCount {
      try cancellation.check()
      let length = Format.regionRange(region, ofSize: size).count
      do throws(RepositoryError) {
        var start = 0
        for chunk in try page(ofRegion: region, reader)?.chunks ?? [] {
          let range = start..<start + chunk.length
          start = range.upperBound
          guard let reason = try damage(chunk, suspects, reader, &buffer) else { continue }
          damages.append(damage(region, range, reason))
        }
      } catch {
        guard error.code == .damaged else { throw error }
        damages.append(damage(region, 0..<length, error.message))
      }
    }
    return joined(damages)
  }

  private func damage(
    _ chunk: ChunkReference, _ suspects: Set<BlobID>, _ reader: BlobReader,
    _ buffer: inout [UInt8]
  ) throws(RepositoryError) -> String? {
    guard !chunk.id.isZero else { return nil }
    do throws(RepositoryError) {
      let locations = try blobs.locations(of: chunk.id)
      for location in locations {
        let length = try blobs.open(location.pack).size()
        guard location.record.end <= length, Int(location.record.rawLength) == chunk.length else {
          throw RepositoryError(.damaged, "pack \(location.pack) does not hold it")
        }
      }
      if suspects.contains(chunk.id) {
        try buffer.edit(0..<chunk.length) { target throws(RepositoryError) in
          try reader.read(chunk.id, into: &target)
        }
      }
      return nil
    } catch {
      guard error.code == .damaged else { throw error }
      return error.message
    }
  }
}
